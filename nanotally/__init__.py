"""nanotally finds, counts and sizes nanoparticles live at the scanning electron microscope."""

__version__ = "0.1.0"
