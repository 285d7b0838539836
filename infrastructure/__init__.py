"""The CDK app: everything Carefile owns in an AWS account, as one stack a stage.

Only the shape of the deployment lives here. What the functions do is in `lambdas/`, which this package
reads as files to bundle and never imports.
"""
