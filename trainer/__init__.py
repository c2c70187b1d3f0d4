"""The trainer: data sets, tiny YOLO networks, evaluation, export. The only program that imports ultralytics."""
