"""Why a model answers as it does: by changing columns and asking it again, through the signature that is served."""
