/* Record an operation: its rule gives the number and the local derivatives of a new node. The definitions are `record`
   in engine.py, and operators.py. What is not plain is left to them: a mode that is on, an operand of another class, a
   rule that was changed, a result or a derivative that is not finite. */

/* Whether a dict of settings, changed in place perhaps, holds these objects; NULL holds none. */
static int holds_the_same(PyObject *settings, PyObject *defaults)
{
    PyObject *name, *value;
    Py_ssize_t at = 0, i = 0;
    if (!settings)
        return 1;
    if (PyDict_GET_SIZE(settings) != PyTuple_GET_SIZE(defaults))
        return 0;
    while (PyDict_Next(settings, &at, &name, &value))
        if (value != PyTuple_GET_ITEM(defaults, i++))
            return 0;
    return 1;
}

static int is_live(const core *c, int r)
{
    const row *one = &c->rows[r];
    if (!one->is_built || PyFunction_GET_CODE(one->rule) != one->code ||
        PyFunction_GET_KW_DEFAULTS(one->rule) != one->settings || !holds_the_same(one->settings, one->defaults))
        return 0;
    for (int i = 0; one->expands[i] >= 0; i++)
        if (!is_live(c, one->expands[i]))
            return 0;
    return 1;
}

/* The number that an operand stands for; 0 where Python has to find it. */
static int plain_number(const core *c, PyObject *x, double *number, int *values)
{
    if (Py_TYPE(x) == (PyTypeObject *)c->Value) {
        node *v = (node *)x;
        *values += 1;
        if (number_of(v)) {
            *number = *number_of(v);
            return 1;
        }
        if (!extra_of(v) || !(x = extra_of(v)->data)) /* what a user assigned: NumPy's float64, or an int */
            return 0;
    }
    if (PyFloat_CheckExact(x) || (PyFloat_Check(x) && !PyType_HasFeature(Py_TYPE(x), Py_TPFLAGS_HEAPTYPE))) {
        /* NumPy's float64 too, but not a class of a user's, which may have its own __float__ */
        *number = PyFloat_AS_DOUBLE(x);
        return 1;
    }
    if (!PyLong_CheckExact(x) && !PyBool_Check(x))
        return 0;
    *number = PyLong_AsDouble(x);
    if (*number == -1.0 && PyErr_Occurred()) { /* too large for a float, which Python says in words */
        PyErr_Clear();
        return 0;
    }
    return 1;
}

/* Complete a new node, if there is one: it has these operands and local derivatives. An operand that is not a Value
   becomes a constant, x[i]. */
static PyObject *computed_from(core *c, node *v, Py_ssize_t count, PyObject *const *operands, const double *x,
                               const double *local)
{
    int is_wide = count > 2;
    extra *more = NULL;
    if (!v)
        return NULL;
    if (is_wide && !(more = with_extra(v)))
        goto failed;
    v->locals = v->operands = is_wide ? MANY : 0;
    if (is_wide && (!(more->many = PyMem_New(double, count)) || !(more->operands = PyTuple_New(count))))
        goto failed;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *operand = operands[i];
        if (Py_TYPE(operand) == (PyTypeObject *)c->Value)
            Py_INCREF(operand);
        else if ((operand = (PyObject *)new_node(c, c->constant, x[i])))
            PyObject_GC_Track(operand);
        else
            goto failed;
        if (is_wide) {
            PyTuple_SET_ITEM(more->operands, i, operand);
            more->many[i] = local[i];
            more->count = count;
        }
        else {
            v->operand[v->operands++] = (node *)operand;
            v->local[v->locals++] = local[i];
        }
    }
    PyObject_GC_Track(v);
    return (PyObject *)v;
failed:
    Py_DECREF(v);
    return PyErr_Occurred() ? NULL : PyErr_NoMemory();
}

/* The node for row r applied to its operands, of which one at least is a Value; `operation` is the row's Op, with its
   setting, if it has one. NULL without an error where Python has to do it. */
static PyObject *record(core *c, int r, PyObject *const *operands, PyObject *operation, double setting)
{
    double x[MOST_OPERANDS + 1], local[MOST_OPERANDS];
    int count = ROW_CODE[r].operands, values = 0, mode = mode_of(c);
    if (mode == PYTHON || !is_live(c, r))
        return NULL;
    for (int i = 0; i < count; i++)
        if (!plain_number(c, operands[i], &x[i], &values))
            return NULL;
    if (!values)
        return NULL;
    x[count] = setting;
    double number = ROW_CODE[r].rule(x, local), check = number * 0.0;
    for (int i = 0; i < count; i++)
        check += local[i] * 0.0;
    if (check != 0.0) /* something is nan or infinite */
        return NULL;
    node *v = new_node(c, mode == NO_GRAD ? c->detached : operation ? operation : c->rows[r].entry, number);
    return computed_from(c, v, mode == NO_GRAD ? 0 : count, operands, x, local);
}

/* Whether nothing was set yet. */
static int is_blank(const node *v)
{
    return !v->flags && !v->made_by && !v->operands && !v->locals;
}

/* Value(2.0), whose definition is Value.__init__. A subclass may have a `data` of its own, or __setattr__: that is
   Python's. */
static int node_init(node *v, PyObject *args, PyObject *options)
{
    core *c = core_of(Py_TYPE(v));
    int values = 0;
    double number;
    if (Py_TYPE(v) == (PyTypeObject *)c->Value && is_blank(v) && !options && PyTuple_GET_SIZE(args) == 1 &&
        mode_of(c) != PYTHON && plain_number(c, PyTuple_GET_ITEM(args, 0), &number, &values) && !values) {
        v->number = number;
        v->made_by = (uintptr_t)Py_NewRef(c->made_by_hand);
        v->flags = UNREACHED | HAS_NUMBER | UNLABELLED;
        return 0;
    }
    PyObject *self = PyTuple_Pack(1, v), *all = self ? PySequence_Concat(self, args) : NULL;
    PyObject *out = all ? PyObject_Call(c->init, all, options) : NULL;
    Py_XDECREF(self);
    Py_XDECREF(all);
    Py_XDECREF(out);
    return out ? 0 : -1;
}

/* ---------------------------------------------------------------- x + y, -x, x**y */

static core *core_of_either(PyObject *x, PyObject *y)
{
    core *c = PyFloat_CheckExact(x) || PyLong_CheckExact(x) ? NULL : core_of(Py_TYPE(x));
    if (!c) {
        PyErr_Clear(); /* x is not a node, so y is one */
        c = core_of(Py_TYPE(y));
    }
    return c;
}

static PyObject *infix(int r, PyObject *x, PyObject *y)
{
    core *c = core_of_either(x, y);
    PyObject *operands[2] = {x, y};
    PyObject *out = record(c, r, operands, NULL, 0.0);
    return out || PyErr_Occurred() ? out : PyObject_CallFunctionObjArgs(c->rows[r].infix, x, y, NULL);
}

#define INFIX(name, row) \
    static PyObject *node_##name(PyObject *x, PyObject *y) { return infix(row, x, y); }
#define PREFIX(name, row) \
    static PyObject *node_##name(PyObject *x) { return infix(row, x, NULL); }
INFIX(add, ROW_add)
INFIX(sub, ROW_sub)
INFIX(mul, ROW_mul)
INFIX(div, ROW_div)
PREFIX(neg, ROW_neg)
PREFIX(abs, ROW_abs)

/* The operation of x**exponent. Each exponent has its own, which is made once. */
static PyObject *power_of(core *c, PyObject *exponent)
{
    PyObject *known = PyFloat_CheckExact(exponent) ? c->float_powers : c->int_powers;
    PyObject *operation = PyDict_GetItemWithError(known, exponent);
    if (operation || PyErr_Occurred())
        return Py_XNewRef(operation);
    operation = PyObject_CallOneArg(c->bind_power, exponent);
    if (operation && PyDict_GET_SIZE(known) >= 4096)
        PyDict_Clear(known);
    if (operation && PyDict_SetItem(known, exponent, operation) < 0)
        Py_CLEAR(operation);
    return operation;
}

static PyObject *node_pow(PyObject *x, PyObject *y, PyObject *modulus)
{
    PyObject *operands[2] = {x, y}, *out = NULL;
    int values = 0;
    double exponent;
    if (modulus != Py_None)
        Py_RETURN_NOTIMPLEMENTED;
    core *c = core_of_either(x, y);
    if (Py_TYPE(y) == (PyTypeObject *)c->Value)
        out = record(c, ROW_pow, operands, NULL, 0.0);
    else if (Py_TYPE(x) == (PyTypeObject *)c->Value && (PyFloat_CheckExact(y) || PyLong_CheckExact(y)) &&
             plain_number(c, y, &exponent, &values) &&
             fabs(exponent) <= 9007199254740992.0 && (exponent != 0.0 || !signbit(exponent))) {
        PyObject *operation = power_of(c, y);
        if (!operation)
            return NULL;
        out = record(c, ROW_power, operands, operation, exponent);
        Py_DECREF(operation);
    }
    return out || PyErr_Occurred() ? out : PyObject_CallFunctionObjArgs(c->power, x, y, NULL);
}

/* ---------------------------------------------------------------- tanh(x), x.tanh(), maximum(x, y) */

/* A function of the table, which is a method of Value as well. `python` is the function that it stands for. */
typedef struct operation {
    PyObject_HEAD
    PyObject *dict, *weakrefs, *python;
    int row;
    vectorcallfunc vectorcall;
} operation;

static PyObject *operation_call(operation *f, PyObject *const *args, size_t count, PyObject *names)
{
    const struct row_code *code = &ROW_CODE[f->row];
    if (!names && PyVectorcall_NARGS(count) == code->operands && !code->settings) {
        PyObject *out = record(PyType_GetModuleState(Py_TYPE(f)), f->row, args, NULL, 0.0);
        if (out || PyErr_Occurred())
            return out;
    }
    return PyObject_Vectorcall(f->python, args, count, names);
}

static PyObject *operation_new(PyTypeObject *type, PyObject *args, PyObject *options)
{
    PyObject *python;
    int r;
    if (!PyArg_ParseTuple(args, "Oi", &python, &r))
        return NULL;
    if (r < 0 || r >= ROWS)
        return PyErr_Format(PyExc_ValueError, "there is no row %d", r);
    operation *f = (operation *)type->tp_alloc(type, 0);
    if (f) {
        f->python = Py_NewRef(python);
        f->row = r;
        f->vectorcall = (vectorcallfunc)operation_call;
    }
    return (PyObject *)f;
}

static PyObject *operation_get(PyObject *f, PyObject *x, PyObject *type)
{
    return !x || x == Py_None ? Py_NewRef(f) : PyMethod_New(f, x);
}

static PyObject *operation_reduce(PyObject *f, PyObject *unused)
{
    return PyObject_GetAttrString(f, "__qualname__"); /* pickled by name, as functions are */
}

static PyObject *operation_repr(PyObject *f)
{
    return PyObject_Repr(((operation *)f)->python);
}

static int operation_traverse(operation *f, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(f));
    Py_VISIT(f->dict);
    Py_VISIT(f->python);
    return 0;
}

static int operation_clear(operation *f)
{
    Py_CLEAR(f->dict);
    return 0; /* `python` stays, so that a call in the midst of a collection is safe */
}

static void operation_dealloc(operation *f)
{
    PyTypeObject *type = Py_TYPE(f);
    PyObject_GC_UnTrack(f);
    if (f->weakrefs)
        PyObject_ClearWeakRefs((PyObject *)f);
    Py_CLEAR(f->dict);
    Py_CLEAR(f->python);
    type->tp_free(f);
    Py_DECREF(type);
}

static PyGetSetDef operation_attributes[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL}, {NULL, NULL, NULL, NULL, NULL}};

static PyMemberDef operation_members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(operation, dict), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(operation, weakrefs), READONLY, NULL},
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(operation, vectorcall), READONLY, NULL},
    {NULL, 0, 0, 0, NULL}};

static PyMethodDef operation_methods[] = {
    {"__reduce__", operation_reduce, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
