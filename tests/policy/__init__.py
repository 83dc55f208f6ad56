"""Stories about the evaluator."""
