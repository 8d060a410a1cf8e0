"""New code locations, from the template in `template/`.

Belongs here: which names are free, and the files of a new location. Does not belong here: serving it, which
is the local platform's (`slipway.local.additions`).
"""
