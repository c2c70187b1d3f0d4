// What the GPU does before and after the network. nanotally ships the PTX of this, kernels.ptx; see docs/tensorrt.md.
//
// cut_tiles does what nanotally/detect/tiles.py does on the host, within one grey level: whole grey levels come from
// the same resampling (OpenCV's INTER_AREA to a smaller size, INTER_LINEAR to a larger one), and go into 0 to 1.
// keep_candidates does what nanotally/detect/decode.py does, exactly; the order is put right on the host.

struct Tile {
    const unsigned char* field;  // upper left pixel of the field
    int pitch;                   // bytes from one row of the field to the next
    int width, height;           // of the field, pixels
    int level_width, level_height;  // of the resized field
    int x, y;                    // of the tile's upper left corner in the resized field
};

struct Candidate {
    unsigned place;  // tile * anchors + anchor
    unsigned short class_id, rival;  // the best class, and the next best
    float score, rival_score;
    float x1, y1, x2, y2;  // pixels of the tile
};

#define PAD 114.0  // grey level beyond the border, as in tiles.py

// How much of the source pixel `at` lies in the target pixel `to`, in units of 1 / target of a source pixel.
static __device__ float share(int at, int to, int source, int target) {
    long long first = (long long)at * target, last = first + target;
    long long from = (long long)to * source, until = from + source;
    return (float)((last < until ? last : until) - (first > from ? first : from));
}

static __device__ float area_mean(const Tile* t, int lx, int ly) {
    int x1 = (int)((long long)lx * t->width / t->level_width), y1 = (int)((long long)ly * t->height / t->level_height);
    int x2 = (int)(((long long)(lx + 1) * t->width + t->level_width - 1) / t->level_width);
    int y2 = (int)(((long long)(ly + 1) * t->height + t->level_height - 1) / t->level_height);
    float sum = 0.0f;
    for (int y = y1; y < y2; ++y) {
        const unsigned char* row = t->field + (long long)y * t->pitch;
        float in_row = 0.0f;
        for (int x = x1; x < x2; ++x) in_row += row[x] * share(x, lx, t->width, t->level_width);
        sum += in_row * share(y, ly, t->height, t->level_height);
    }
    return sum / ((float)t->width * (float)t->height);
}

// The pixels on both sides of the centre of target pixel `to`, and how near the second one is.
static __device__ void around(int to, int source, int target, int* one, int* other, float* weight) {
    float at = ((float)to + 0.5f) * (float)source / (float)target - 0.5f;
    int first = (int)floorf(at);
    *weight = at - (float)first;
    *one = first < 0 ? 0 : first;
    *other = first + 1 < source ? first + 1 : source - 1;
}

static __device__ float between(const Tile* t, int lx, int ly) {
    int left, right, upper, lower;
    float wx, wy;
    around(lx, t->width, t->level_width, &left, &right, &wx);
    around(ly, t->height, t->level_height, &upper, &lower, &wy);
    const unsigned char* a = t->field + (long long)upper * t->pitch;
    const unsigned char* b = t->field + (long long)lower * t->pitch;
    float above = a[left] + wx * ((float)a[right] - (float)a[left]);
    float below = b[left] + wx * ((float)b[right] - (float)b[left]);
    return above + wy * (below - above);
}

// tiles (n), out (n, height, width): one thread a pixel, one layer of the grid a tile.
extern "C" __global__ void cut_tiles(const Tile* tiles, float* out, int width, int height) {
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= width || y >= height) return;
    const Tile* t = tiles + blockIdx.z;
    int lx = t->x + x, ly = t->y + y;
    float value = (float)(PAD / 255.0);
    if (lx < t->level_width && ly < t->level_height) {
        float grey;
        if (t->level_width == t->width && t->level_height == t->height)
            grey = t->field[(long long)ly * t->pitch + lx];
        else if (t->level_width < t->width)
            grey = floorf(area_mean(t, lx, ly) + 0.5f);
        else
            grey = floorf(between(t, lx, ly) + 0.5f);
        value = grey * (float)(1.0 / 255.0);
    }
    out[((long long)blockIdx.z * height + y) * width + x] = value;
}

// raw (tiles, 4 + classes, anchors): one thread an anchor. `count` must be 0 before.
extern "C" __global__ void keep_candidates(const float* raw, const float* thresholds, Candidate* kept, unsigned* count,
                                           int tiles, int classes, int anchors) {
    int place = blockIdx.x * blockDim.x + threadIdx.x;
    if (place >= tiles * anchors) return;
    const float* own = raw + (long long)(place / anchors) * (4 + classes) * anchors + place % anchors;
    float best = -1.0f;
    int class_id = 0;
    for (int c = 0; c < classes; ++c) {
        float score = own[(long long)(4 + c) * anchors];
        if (score >= thresholds[c] && score > best) {
            best = score;
            class_id = c;
        }
    }
    if (best < 0.0f) return;
    float next = -1.0f;
    int rival = 0;
    for (int c = 0; c < classes; ++c) {
        float score = own[(long long)(4 + c) * anchors];
        if (!(score >= 0.0f)) score = 0.0f;
        if (c != class_id && score > next) {
            next = score;
            rival = c;
        }
    }
    float cx = own[0], cy = own[anchors], half_w = own[2LL * anchors] / 2, half_h = own[3LL * anchors] / 2;
    Candidate* c = kept + atomicAdd(count, 1u);
    c->place = place;
    c->class_id = class_id;
    c->rival = rival;
    c->score = best;
    c->rival_score = next < 0.0f ? 0.0f : next;
    c->x1 = cx - half_w;
    c->y1 = cy - half_h;
    c->x2 = cx + half_w;
    c->y2 = cy + half_h;
}
