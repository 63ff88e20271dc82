"""Model + test split -> metrics, curves and pictures, beside honest baselines."""
