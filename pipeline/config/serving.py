"""How the model is served."""

from __future__ import annotations

from pipeline.config.fields import Name
from serving.deploy.options import Deploy  # part: deploy
from trainer.parameters import Strict


class Serving(Strict):
    """How the model is served.

    Attributes:
        model_name: the name that requests use, and the folder's name below the run folder.
        deploy: what ``deploy-files`` writes for TF Serving.
    """

    model_name: Name
    deploy: Deploy = Deploy()  # part: deploy
