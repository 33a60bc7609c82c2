"""Names of an exported network's input and outputs, light: writer and reader share them."""

IMAGE, PROBABILITY, FEATURES = "image", "probability", "features"
HEAD_WEIGHTS, HEAD_BIAS, HALVING_OFFSET = "head_weights", "head_bias", "halving_offset"
