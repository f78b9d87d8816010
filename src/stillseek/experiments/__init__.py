"""The paper's tables and figures on any data set: named runs, from training to the report."""
