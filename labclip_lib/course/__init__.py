"""Making, releasing and grading a course.

folder: a course on disk
gradebook: marks into nbgrader's gradebook
feedback: what each student gets back
report_page: marks for an LMS, and the instructor's overview
"""
