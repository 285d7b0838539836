"""The CDK app: everything Carefile owns in an AWS account, one stack per stage.

This package describes the deployment only. It bundles `lambdas/` as files and never imports it.
"""
