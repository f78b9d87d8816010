"""Evaluation: answers to a data set, their scores, and the answers that ignore the query."""
