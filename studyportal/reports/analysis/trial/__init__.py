"""The analyses of a two-treatment crossover with an outcome before and after, and a time course within sessions.

A1 to A6 of the analysis plan, on typed rows: nothing here knows where they come from. No analysis tests carry-over
first, and none falls back on period 1.
"""

from studyportal.reports.analysis.trial.course import course, course_summary, summarise
from studyportal.reports.analysis.trial.panel import Panel, RankTest, panel
from studyportal.reports.analysis.trial.rows import Analysis, CourseRow, Label, ScoreRow
from studyportal.reports.analysis.trial.scores import by_sex, change_score, long_scores

__all__ = [
    "Analysis",
    "CourseRow",
    "Label",
    "Panel",
    "RankTest",
    "ScoreRow",
    "by_sex",
    "change_score",
    "course",
    "course_summary",
    "long_scores",
    "panel",
    "summarise",
]
