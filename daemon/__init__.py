"""The daemon: a live feed and a model bundle in, detections, counts and a heartbeat over ZeroMQ out."""
