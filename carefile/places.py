"""Where a patient's sessions are, for whoever reads them: an assistant, a script."""

from __future__ import annotations

from typing import Any

from carefile.core.filing.layout import Layout
from carefile.core.filing.names import encode_name
from carefile.core.model import Patient


def where(
    patient_id: str | None, session_id: str | None = None, *, prefix: str = "processed/"
) -> dict[str, dict[str, Any]]:
    """The place of a patient's sessions (of nobody known: None), in the form of the catalog event.

    `prefix` is where the deployment's layout begins. Asks nobody: `session_info.session_id` is the folder that the
    session has unless another source tree of the same id took it first; `carefile where` looks that up.
    """
    layout, patient = Layout(prefix), Patient(patient_id)
    info: dict[str, Any] = {"structure_pattern": layout.structure_pattern}
    if session_id is not None:
        info = {"session_id": session_folder_name(session_id)} | info
    return {
        "patient_context": {
            "session_prefix": layout.session_prefix(patient),
            "consistent_with_documents": True,
        },
        "session_info": info,
    }


def session_folder_name(session_id: str) -> str:
    """The last segment of a session's folder, as long as no other tree holds that name."""
    return encode_name(session_id if session_id.startswith("session_") else f"session_{session_id}")
