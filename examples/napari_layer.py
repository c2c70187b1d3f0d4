"""A frame of the live feed and its particles as layers of napari.

    python napari_layer.py tcp://127.0.0.1:5757

Needs `pip install 'napari[all]'`. To follow the feed, give the layers new data with every frame.
"""

import sys

import numpy as np

from nanotally.opencv import cv2
from nanotally.wire import DetectionsMessage, FrameMessage, Subscriber

COLOURS = ("#e69f00", "#56b4e9")


def particles_layer(message):
    """Data, options and kind of a layer, as napari's own readers answer them.

    napari counts rows before columns, and its pixel 0 reaches from -0.5 to 0.5.
    """
    x1, y1, x2, y2 = message.detections.xyxy.T - 0.5
    corners = np.stack([np.stack([y1, x1]), np.stack([y1, x2]), np.stack([y2, x2]), np.stack([y2, x1])])
    names = np.array(message.classes)[message.records["class"]]
    options = {
        "name": f"particles of frame {message.frame}",
        "shape_type": "rectangle",
        "edge_color": [COLOURS[i % len(COLOURS)] for i in message.records["class"]],
        "face_color": "transparent",
        "features": {"class": names, "score": message.records["score"], "track": message.records["track"]},
        "scale": (message.nm_per_px or (1, 1))[::-1],
    }
    return corners.transpose(2, 0, 1), options, "shapes"


def picture_and_particles(subscriber):
    """The next frame that comes with its picture."""
    found = {}
    for item in subscriber:
        if isinstance(item, DetectionsMessage):
            found = {item.frame: item}
        elif isinstance(item, FrameMessage) and item.frame in found:
            return cv2.imdecode(np.frombuffer(item.image, np.uint8), cv2.IMREAD_GRAYSCALE), found[item.frame]
    return None


def main():
    """Show a frame."""
    import napari

    with Subscriber(*sys.argv[1:2], kinds=["detections", "frames"]) as subscriber:
        picture, message = picture_and_particles(subscriber)
    data, options, _ = particles_layer(message)
    viewer = napari.Viewer()
    viewer.add_image(picture, name="frame", scale=options["scale"])
    viewer.add_shapes(data, **options)
    napari.run()


if __name__ == "__main__":
    main()
