// The form: the URL checked as its field is left, the search among events.
