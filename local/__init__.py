"""Carefile on one machine: an embedded AWS, its console, and the deployment of the pipeline to it.

The Makefile runs `python -m local up|down|status|deploy|demo` in the project's venv. Nothing here is deployed to AWS
or imports `lambdas`: the pipeline is reached as by any user, through the AWS APIs.
"""
