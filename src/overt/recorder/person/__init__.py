"""The participant's side: enrolment, consent, lease, control, review, sending."""
