"""What can be inferred about an unknown from functionals that contain it: exact mathematics, without models' words or policies' judgement."""
