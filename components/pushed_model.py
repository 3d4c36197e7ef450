"""Names of the properties of a PushedModel artifact, and of copies of what was pushed.

Without TFX, for commands that read ML Metadata alone.
"""

# The id of the model that was pushed; a push of TF Lite files has none.
MODEL_ID_PROPERTY = "model_id"
VERSION_PROPERTY = "pushed_version"
# Of the files that were pushed; see `components.gates.judged`.
DIGEST_PROPERTY = "model_digest"
# Of a copy of the champion, and of what its run recorded: its version.
CHAMPION_VERSION = "champion_version"
