"""HTTP in and out, without business: what a request says, read strictly, and what an answer says.

protected_blueprint    a blueprint whose every route stands in the access table
call                   one call: request, caller, device, issuer, time and services, made once
caller                 who calls, as the gate wrote it, and the second look at the access table
body                   a form, a JSON object or a plain text
basic_auth             HTTP Basic credentials (RFC 7617)
parameters             ids, query parameters, and where a page begins
responses              answers that are not errors
problem_details        errors as answers (RFC 9457)
failures               what fails for a cause that passes, whatever library says so
cookies                the refresh token as a cookie
"""
