"""One padding worked out: read a layer, do the arithmetic, say who differs for which sizes and what to write."""
