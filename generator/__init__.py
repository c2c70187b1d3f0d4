"""The generator: labelled synthetic SEM micrographs, from a pattern file or from procedural shapes."""
