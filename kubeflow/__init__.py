"""The same pipeline on Kubeflow and Vertex AI.

The Kubeflow SDK on PyPI is also a package called ``kubeflow``. Where both are on ``sys.path`` and this one comes first,
as in this project's folder and its images, the modules of both can be imported, such as ``kubeflow.trainer``.
"""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
