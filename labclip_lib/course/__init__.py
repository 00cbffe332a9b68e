"""Making, releasing and grading a course.

folder: a course on disk
gradebook: nbgrader's gradebook, filled with marks
feedback: what each student gets back
report_page: marks for an LMS, and the instructor's overview
"""
