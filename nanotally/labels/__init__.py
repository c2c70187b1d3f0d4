"""Labels: YOLO, Pascal VOC, COCO, CreateML and instance masks; inside, every box is half-open float pixels."""

from nanotally.labels.coco import CocoWriter, read_coco, write_coco
from nanotally.labels.createml import read_createml, write_createml
from nanotally.labels.cvat import write_cvat
from nanotally.labels.dataset import Dataset, Fault, Sample, examine_dataset, read_dataset
from nanotally.labels.labelled_image import LabelledImage
from nanotally.labels.masks import read_mask, write_mask
from nanotally.labels.names import find_class
from nanotally.labels.voc import read_voc, write_voc
from nanotally.labels.yolo import read_classes, read_yolo, write_classes, write_yolo

__all__ = [
    "CocoWriter",
    "Dataset",
    "Fault",
    "LabelledImage",
    "Sample",
    "examine_dataset",
    "find_class",
    "read_classes",
    "read_coco",
    "read_createml",
    "read_dataset",
    "read_mask",
    "read_voc",
    "read_yolo",
    "write_classes",
    "write_coco",
    "write_createml",
    "write_cvat",
    "write_mask",
    "write_voc",
    "write_yolo",
]
