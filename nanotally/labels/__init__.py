"""Labels: YOLO, Pascal VOC and COCO, read and written; inside, every box is half-open float pixels."""

from nanotally.labels.coco import read_coco, write_coco
from nanotally.labels.dataset import Dataset, Sample, read_dataset
from nanotally.labels.labelled_image import LabelledImage
from nanotally.labels.names import find_class
from nanotally.labels.voc import read_voc, write_voc
from nanotally.labels.yolo import read_classes, read_yolo, write_classes, write_yolo

__all__ = [
    "Dataset",
    "LabelledImage",
    "Sample",
    "find_class",
    "read_classes",
    "read_coco",
    "read_dataset",
    "read_voc",
    "read_yolo",
    "write_classes",
    "write_coco",
    "write_voc",
    "write_yolo",
]
