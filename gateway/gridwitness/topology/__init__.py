"""The register of a site: what is connected to which bus, by which instrument, with which accuracy class."""
