"""Django's PostgreSQL backend, telling the database who acts at the start of each transaction."""
