// A CUDA driver on the memory of the host, with what PyCUDA and the engine call; kernels.cu is included before it.
// Work is done at once, or recorded while a stream is captured. Whatever else of the driver is wanted answers 801.
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

typedef unsigned long long Address;
typedef std::vector<std::function<void()>> Work;
struct Stream { Work* recording; };

static int live, launches;
extern "C" int stand_in_live() { return live; }
extern "C" int stand_in_graph_launches() { return launches; }

static int give(Stream* stream, std::function<void()> work) {
    if (stream && stream->recording) stream->recording->push_back(work);
    else work();
    return 0;
}
extern "C" int stand_in_give(Stream* stream, void (*work)()) { return give(stream, work); }

static int take(void** memory, size_t size) {
    const char* most = getenv("STAND_IN_MOST_BYTES");
    if (most && size > strtoull(most, 0, 10)) return 2;
    if (posix_memalign(memory, 256, (size + 255) / 256 * 256)) return 2;
    memset(*memory, 0xA5, size);
    ++live;
    return 0;
}
static int give_back(void* memory) {
    free(memory);
    --live;
    return 0;
}

extern "C" {
int cuInit(unsigned) { return getenv("STAND_IN_NO_DEVICE") ? 100 : 0; }
int cuDriverGetVersion(int* version) { *version = 12060; return 0; }
int cuGetErrorName(int error, const char** text) {
    *text = error == 2 ? "CUDA_ERROR_OUT_OF_MEMORY" : error == 900 ? "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED" : "CUDA_ERROR";
    return 0;
}
int cuGetErrorString(int error, const char** text) {
    *text = error == 2 ? "out of memory" : error == 100 ? "no CUDA-capable device is detected" : "an error";
    return 0;
}
int cuDeviceGetCount(int* count) { *count = 1; return 0; }
int cuDeviceGet(int* device, int) { *device = 0; return 0; }
int cuDeviceGetName(char* name, int length, int) { strncpy(name, "a stand-in", length); return 0; }
int cuDeviceGetAttribute(int* value, int attribute, int) {
    *value = attribute == 18 ? getenv("STAND_IN_INTEGRATED") != 0 : attribute == 75 ? 8 : attribute == 76 ? 7 : 0;
    return 0;
}
int cuDeviceComputeCapability(int* major, int* minor, int) { *major = 8; *minor = 7; return 0; }
int cuDevicePrimaryCtxRetain(void** context, int) { static int one; *context = &one; return 0; }
int cuDevicePrimaryCtxRelease(int) { return 0; }
int cuDevicePrimaryCtxRelease_v2(int) { return 0; }
int cuCtxPushCurrent_v2(void*) { return 0; }
int cuCtxPopCurrent_v2(void**) { return 0; }
int cuCtxGetDevice(int* device) { *device = 0; return 0; }
int cuCtxSynchronize() { return 0; }
int cuMemAlloc_v2(Address* address, size_t size) { return take((void**)address, size); }
int cuMemFree_v2(Address address) { return give_back((void*)address); }
int cuMemHostAlloc(void** memory, size_t size, unsigned) { return take(memory, size); }
int cuMemFreeHost(void* memory) { return give_back(memory); }
int cuMemHostGetDevicePointer_v2(Address* address, void* memory, unsigned) { *address = (Address)memory; return 0; }
int cuMemGetInfo_v2(size_t* free_, size_t* total) { *free_ = 1; *total = 2; return 0; }
int cuMemcpyHtoD_v2(Address to, const void* from, size_t size) { memcpy((void*)to, from, size); return 0; }
int cuMemcpyDtoH_v2(void* to, Address from, size_t size) { memcpy(to, (void*)from, size); return 0; }
int cuMemcpyHtoDAsync_v2(Address to, const void* from, size_t size, Stream* stream) {
    return give(stream, [=] { memcpy((void*)to, from, size); });
}
int cuMemcpyDtoHAsync_v2(void* to, Address from, size_t size, Stream* stream) {
    return give(stream, [=] { memcpy(to, (void*)from, size); });
}
int cuStreamCreate(Stream** stream, unsigned) { *stream = new Stream(); return 0; }
int cuStreamDestroy_v2(Stream* stream) { delete stream; return 0; }
int cuStreamSynchronize(Stream* stream) { return stream->recording ? 900 : 0; }
int cuStreamWaitEvent(Stream*, void*, unsigned) { return 0; }
int cuEventCreate(void** event, unsigned) { *event = malloc(1); return 0; }
int cuEventDestroy_v2(void* event) { free(event); return 0; }
int cuEventRecord(void*, Stream*) { return 0; }
int cuModuleLoadDataEx(void** module, const void* text, unsigned, void*, void*) {
    *module = (void*)"module";
    return strstr((const char*)text, ".version 6.3") ? 0 : 218;
}
int cuModuleUnload(void*) { return 0; }
int cuModuleGetFunction(void** function, void*, const char* name) {
    bool cuts = !strcmp(name, "cut_tiles");
    *function = (void*)(cuts ? "cut" : "keep");
    return cuts || !strcmp(name, "keep_candidates") ? 0 : 500;
}
int cuFuncSetBlockShape(void*, int, int, int) { return 0; }
int cuLaunchKernel(void* function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned, Stream* stream, void**, void** extra) {
    struct Cut { const Tile* tiles; float* out; int width, height; };
    struct Keep { const float *raw, *thresholds; Candidate* kept; unsigned* count; int tiles, classes, anchors; };
    std::string packed((const char*)extra[1], *(size_t*)extra[3]);  // CU_LAUNCH_PARAM_BUFFER_POINTER, its size
    if (bz != 1) return 1;
    if (!strcmp((const char*)function, "cut"))
        return packed.size() != sizeof(Cut) ? 1 : give(stream, [=] {
            const Cut* own = (const Cut*)packed.data();
            all_cut_tiles(gx, gy, gz, bx, by, own->tiles, own->out, own->width, own->height);
        });
    return packed.size() < sizeof(Keep) - 4 ? 1 : give(stream, [=] {
        const Keep* own = (const Keep*)packed.data();
        all_keep_candidates(gx, gy, gz, bx, by, own->raw, own->thresholds, own->kept, own->count, own->tiles,
                            own->classes, own->anchors);
    });
}
int cuStreamBeginCapture_v2(Stream* stream, int mode) {
    if (getenv("STAND_IN_NO_GRAPHS") || mode != 2) return 900;
    stream->recording = new Work();
    return 0;
}
int cuStreamEndCapture(Stream* stream, Work** graph) {
    *graph = stream->recording;
    stream->recording = 0;
    ++live;
    return 0;
}
int cuGraphInstantiateWithFlags(Work** launchable, Work* graph, unsigned long long flags) {
    *launchable = new Work(*graph);
    ++live;
    return flags != 0;
}
int cuGraphDestroy(Work* graph) { delete graph; --live; return 0; }
int cuGraphExecDestroy(Work* graph) { delete graph; --live; return 0; }
int cuGraphLaunch(Work* graph, Stream*) {
    ++launches;
    for (auto& work : *graph) work();
    return 0;
}
}
