"""Where a live rating's milliseconds go: `python -m bench.latency --steps`.

Each process of both chains is started by a file of this folder, which notes when a rating passes a
step, and then runs what is measured; nothing of it stands in the product.
"""
