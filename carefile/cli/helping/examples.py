"""Examples for the help of each command: what to type after `carefile`, and what for. A test parses each of them."""

from __future__ import annotations

from collections.abc import Mapping

EXAMPLES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "put": (
        ("put lab.pdf --patient Juan_Perez_123 --wait", "upload a document and wait until it is filed"),
        ("put reports/ --patient Juan_Perez_123 --dry-run", "see the keys that a folder would get"),
    ),
    "runs": (
        ("runs --watch", "watch objects being filed, until Ctrl-C"),
        ("runs --failed --since yesterday", "what failed since yesterday morning"),
        ("runs --error StorageThrottled --json", "for a script: one JSON object per line"),
    ),
    "show": (
        ("show documents/Juan_Perez_123/scan.pdf", "why an upload is where it is, or why it failed"),
        ("show processed/Juan_Perez_123_scan/", "the same, starting from where it was filed"),
    ),
    "catalog": (
        ("catalog --patient Juan_Perez_123", "all documents and sessions of a patient"),
        ("catalog --unknown --since 7d", "what waits for a person to decide"),
        ("catalog --failed", "what failed and has not been filed since; exit code 1 if there is any"),
    ),
    "catalog rebuild": (
        ("catalog rebuild", "compare the catalog with S3, without changing anything"),
        ("catalog rebuild --yes", "write what is missing or wrong"),
    ),
    "open": (
        ("open documents/Juan_Perez_123/scan.pdf", "show the page of a document in the browser"),
        ("open documents/Juan_Perez_123/scan.pdf --original", "save the document as it was uploaded"),
        ("open processed/unknown_scan/ --print", "print the page's HTML, for a pipe"),
    ),
    "where": (
        ("where --patient Juan_Perez_123", "the prefix that an assistant loads sessions from"),
        ("where --patient Juan_Perez_123 --session 7 --json", "the folder and id of one session"),
    ),
    "places": (("places documents/Juan_Perez_123/scan.pdf", "every place where this key was ever filed"),),
    "inbox": (
        ("inbox", "decide in the browser"),
        ("inbox --no-browser --port 8123", "print the address, for a browser elsewhere by SSH"),
    ),
    "assign": (
        ("assign --key scan.pdf --patient Juan_Perez_123", "preview"),
        ("assign --session 7 --patient Juan_Perez_123 --by 'Dr. Rey' --yes", "move a session to its patient"),
        (
            "assign --key flyer.pdf --nobody --reason 'an advertisement' --yes",
            "decide that it is no patient's",
        ),
    ),
    "unfile": (("unfile scan.pdf --by 'Dr. Rey' --reason 'wrong file'", "preview; --yes takes it out"),),
    "decisions": (
        ("decisions --since 30d", "who decided what, when and why"),
        ("decisions --patient Juan_Perez_123 --fhir", "export them as FHIR Provenance"),
    ),
    "decisions verify": (("decisions verify", "exit code 1 if a record was changed or removed"),),
    "patients import": (
        ("patients import patients.csv", "preview what would change in the directory"),
        ("patients import patients.ndjson --yes", "fill the directory from FHIR"),
    ),
    "patients list": (("patients list --json", "one JSON object per patient"),),
    "patients show": (
        ("patients show Juan_Perez_123", "what the directory states, and which source states it"),
    ),
    "patients search": (("patients search perez", "by name, id, identifier or birth date"),),
    "patients merge": (
        ("patients merge P-17 --into P-4 --by 'Dr. Rey'", "preview; --yes moves the records"),
    ),
    "patients unmerge": (("patients unmerge P-17 --from P-4 --by 'Dr. Rey'", "preview taking a merge back"),),
    "verify": (
        ("verify --list", "the claims and their checks"),
        ("verify --stack Carefile-dev --report verify", "run them; states its cost and asks"),
    ),
    "patients refile": (("patients refile", "preview what is listed now and was not when it came"),),
    "redrive": (
        ("redrive --since 2h --error StorageThrottled", "preview"),
        ("redrive --since 2h --error StorageThrottled --yes", "resume them where they failed"),
    ),
    "dlq": (("dlq", "events that reached no consumer"), ("dlq resubmit --yes", "send them again")),
    "backfill": (
        ("backfill s3://BUCKET/scans/ --dry-run", "what filing existing objects would do"),
        ("backfill s3://BUCKET/scans/", "file them"),
    ),
    "reread": (("reread", "preview which documents a better reader would read again"),),
    "adopt": (("adopt --dry-run", "what others wrote into the layout, and whose it is"),),
    "migrate": (("migrate plan", "plan moving sessions of the old layout"),),
    "reconcile": (
        ("reconcile", "exit code 1 if an upload is not filed or not in the catalog"),
        ("reconcile --repair --yes", "repair what can be repaired"),
    ),
    "forget": (
        ("forget --patient Juan_Perez_123", "preview deleting all data of a patient; --yes deletes it"),
    ),
    "doctor": (
        ("doctor", "exit code 1 if a check fails"),
        ("doctor --before-deploy --stage prod", "what the account lacks; in a checkout"),
    ),
    "help": (("help exit-codes", "a topic"), ("help redrive", "a command")),
}
