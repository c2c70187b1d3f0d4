"""A stretch of video with its detections: written while it runs, read to be played again."""
