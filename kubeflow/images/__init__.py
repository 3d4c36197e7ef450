"""The containers of the pipeline: a Dockerfile, the locks of what it installs, and the sizes of what CUDA adds."""
