"""Making, releasing and grading the assignments of a course."""
