"""Carefile on one machine: an embedded AWS, its console, and what deploys the pipeline to it.

`python -m local up|down|status|deploy|demo` is run by the Makefile from the project's venv. Nothing here is
part of a deployment to AWS, and nothing here imports `lambdas`: the pipeline is reached the way any
user reaches it, through the AWS APIs.
"""
