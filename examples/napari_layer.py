"""A frame of the live feed and its particles as layers of napari.

    python napari_layer.py tcp://127.0.0.1:5757

Needs `pip install 'napari[all]'`. To follow the feed, give the layers new data with every frame.
"""

import io
import sys

import numpy as np
from PIL import Image

from nanotally.wire import ContoursMessage, DetectionsMessage, FrameMessage, Subscriber

COLOURS = ("#e69f00", "#56b4e9")


def particles_layer(message, contours=None):
    """Data, options and kind of a layer, as napari's own readers answer them: contours, boxes where there is none.

    napari counts rows before columns, and its pixel 0 reaches from -0.5 to 0.5.
    """
    x1, y1, x2, y2 = message.detections.xyxy.T
    corners = np.stack([np.stack([x1, y1]), np.stack([x2, y1]), np.stack([x2, y2]), np.stack([x1, y2])])
    shapes = list(corners.transpose(2, 0, 1))
    for row in () if contours is None else np.flatnonzero(np.isfinite(contours.xy).all(axis=(1, 2))):
        shapes[row] = contours.xy[row]
    names = np.array(message.classes)[message.records["class"]]
    options = {
        "name": f"particles of frame {message.frame}",
        "shape_type": "polygon",
        "edge_color": [COLOURS[i % len(COLOURS)] for i in message.records["class"]],
        "face_color": "transparent",
        "features": {"class": names, "score": message.records["score"], "track": message.records["track"]},
        "scale": (message.nm_per_px or (1, 1))[::-1],
    }
    return [shape[:, ::-1] - 0.5 for shape in shapes], options, "shapes"


def picture_and_particles(subscriber):
    """The next frame that comes with its picture: that, its particles, and their contours or None."""
    found = contours = None
    for item in subscriber:
        if isinstance(item, DetectionsMessage):
            found, contours = item, None
        elif isinstance(item, ContoursMessage):
            contours = item  # of the particles that came before it
        elif isinstance(item, FrameMessage) and found is not None and found.frame == item.frame:
            return np.asarray(Image.open(io.BytesIO(item.image))), found, contours
    return None


def main():
    """Show a frame."""
    import napari

    with Subscriber(*sys.argv[1:2], kinds=["detections", "contours", "frames"]) as subscriber:
        picture, message, contours = picture_and_particles(subscriber)
    data, options, _ = particles_layer(message, contours)
    viewer = napari.Viewer()
    viewer.add_image(picture, name="frame", scale=options["scale"])
    viewer.add_shapes(data, **options)
    napari.run()


if __name__ == "__main__":
    main()
