"""What a training minimises and what is measured of its model, beside the defaults of the label's task."""
