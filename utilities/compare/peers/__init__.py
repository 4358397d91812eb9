"""Programs that compare.py measures beside ours: one file each.

A file has a function make(task) that returns a peer: prepare(size) makes batches of at most that
many proteins, sorted by length, outside the time that counts; run(batches) takes all of them
through once. facts(), where there is one, says what compare.py should check.
"""
