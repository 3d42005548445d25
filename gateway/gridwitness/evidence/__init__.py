"""Evidence: raw segments, bundles, and the verifier that a regulator can audit."""
