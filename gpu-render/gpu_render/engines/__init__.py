"""One file per engine, each with `load(settings, progress)`."""
