"""People: users, their roles in a study, the permission matrix, API tokens and signatures."""
