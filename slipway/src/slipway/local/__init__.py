"""The local platform: the same code locations as on Kubernetes, as plain supervised processes.

Postgres, the S3 server, the webserver, the daemon and a code server per code location, all below
one state folder. Nothing here is imported by a code location or part of an image.
"""
