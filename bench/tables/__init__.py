"""What `init` and a training reach on real tables, against boosted trees and a linear model on the same rows."""
