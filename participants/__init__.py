"""Who takes part: screening, consent, eligibility, identity, withdrawal."""
