"""Options of a head that is trained in a second."""

_SIZES = "--num-layers 1 --num-heads 1 --projection-dim 5 --window 2 --ffn-dim 7 --hidden-dim 3"
SMALL = (*_SIZES.split(), "--batch-size", "3")
SHORT = (*SMALL, "--max-epochs", "1")
