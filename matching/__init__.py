"""Who fits: pure matching of profiles against order queries; no clock, no I/O, no Ray."""
