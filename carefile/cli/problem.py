"""What stops a command: one line that says what is wrong, and what to do about it."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from carefile.cli.exits import Exit

_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "403", "Forbidden", "UnauthorizedOperation"})
_EXPIRED = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"}
)


class Problem(Exception):
    """Ends a command. Both texts are for the person at the terminal."""

    def __init__(self, what: str, to_do: str = "", code: Exit = Exit.UNUSABLE) -> None:
        super().__init__(what)
        self.what = what
        self.to_do = to_do
        self.code = code


def told(error: Exception) -> Problem:
    """A failure of AWS or of the way to it, in words."""
    if isinstance(error, NoCredentialsError):
        return Problem(
            "there are no AWS credentials here, and no embedded AWS runs on this machine",
            "sign in (aws sso login, or set AWS_PROFILE), or start the embedded one with `make up`",
        )
    if isinstance(error, NoRegionError):
        return Problem("no AWS region is chosen", "give --region, or set AWS_REGION")
    if isinstance(error, ClientError):
        code, asked = str(error.response.get("Error", {}).get("Code", "unknown")), error.operation_name
        if code in _DENIED:
            return Problem(
                f"AWS refused {asked}: these credentials may not do that",
                "docs/operating.md lists the permissions of each command",
            )
        if code in _EXPIRED:
            return Problem(
                "the AWS credentials are no longer valid", "sign in again, for example aws sso login"
            )
        return Problem(f"AWS refused {asked}: {error.response.get('Error', {}).get('Message', code)}")
    if isinstance(error, BotoCoreError):
        return Problem(f"AWS could not be reached: {error}", "check the network, the region and the profile")
    raise error
