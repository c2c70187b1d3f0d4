"""The same network in fewer bits: FP16 and INT8 from the FP32 ONNX of a bundle, and whether that is worth it."""
