"""The rules, by what they are about; importing this registers all of them."""

from holdfast.migrate.lint.rules import columns as columns
from holdfast.migrate.lint.rules import constraints as constraints
from holdfast.migrate.lint.rules import data as data
from holdfast.migrate.lint.rules import dropping as dropping
from holdfast.migrate.lint.rules import files as files
from holdfast.migrate.lint.rules import indexes as indexes
from holdfast.migrate.lint.rules import security as security
from holdfast.migrate.lint.rules import tables as tables
from holdfast.migrate.lint.rules import types as types
