/* The attributes of a node as Python sees them: data, grad, label, _operation, _prev, _local. */

/* What a slot of Python's raises that was not set, or was deleted. */
static PyObject *absent(node *v, const char *name)
{
    return PyErr_Format(PyExc_AttributeError, "'%s' object has no attribute '%s'", Py_TYPE(v)->tp_name, name);
}

/* What it raises when it is deleted and was not there. */
static int nothing_to_delete(const char *name)
{
    PyErr_SetString(PyExc_AttributeError, name);
    return -1;
}

static PyObject *get_data(node *v, void *unused)
{
    extra *more = extra_of(v);
    if (v->flags & HAS_NUMBER)
        return PyFloat_FromDouble(v->number);
    if (v->flags & IN_MEMORY) { /* while a function is recorded, a symbol stands for this number */
        core *c = core_of(Py_TYPE(v));
        return c->modes ? PyObject_CallFunction(c->recorded_number, "Od", v, *more->at) : PyFloat_FromDouble(*more->at);
    }
    return more && more->data ? Py_NewRef(more->data) : absent(v, "data");
}

static int set_data(node *v, PyObject *x, void *unused)
{
    int is_native = v->flags & IN_MEMORY;
    if (!x && !(v->flags & (HAS_NUMBER | IN_MEMORY)) && !(extra_of(v) && extra_of(v)->data))
        return nothing_to_delete("data");
    if (!x && is_native) {
        PyErr_SetString(PyExc_AttributeError, "a compiled training step works on this data: it cannot be deleted");
        return -1;
    }
    if (x && is_native && !PyFloat_CheckExact(x)) {
        PyObject *number = PyObject_CallFunction(core_of(Py_TYPE(v))->number_for, "OOs", x, v, "data");
        int status = number ? set_data(v, number, NULL) : -1;
        Py_XDECREF(number);
        return status;
    }
    if (x && PyFloat_CheckExact(x)) {
        set_flags(v, HAS_NUMBER, is_native ? 0 : HAS_NUMBER);
        *number_of(v) = PyFloat_AS_DOUBLE(x);
        x = NULL;
    }
    else if (!with_extra(v))
        return -1;
    else {
        leave_memory(v);
        set_flags(v, HAS_NUMBER, 0);
    }
    if (extra_of(v))
        Py_XSETREF(extra_of(v)->data, Py_XNewRef(x));
    return 0;
}

static PyObject *get_grad(node *v, void *unused)
{
    if (v->flags & GRAD_IS_OBJECT)
        return extra_of(v)->grad ? Py_NewRef(extra_of(v)->grad) : absent(v, "grad");
    if (v->flags & UNREACHED)
        return Py_NewRef(core_of(Py_TYPE(v))->unreached);
    return v->flags & REACHED ? PyFloat_FromDouble(v->grad) : absent(v, "grad");
}

static void set_grad_number(node *v, double x)
{
    int was = v->flags;
    v->grad = x;
    set_flags(v, GRADS, REACHED);
    if (was & GRAD_IS_OBJECT)
        Py_CLEAR(extra_of(v)->grad);
}

static int set_grad(node *v, PyObject *x, void *unused)
{
    if (x && PyFloat_CheckExact(x)) {
        set_grad_number(v, PyFloat_AS_DOUBLE(x));
        if (x == core_of(Py_TYPE(v))->unreached)
            set_flags(v, GRADS, UNREACHED);
        return 0;
    }
    if (!x && !(v->flags & (REACHED | UNREACHED)) && !(v->flags & GRAD_IS_OBJECT && extra_of(v)->grad))
        return nothing_to_delete("grad");
    if (!with_extra(v))
        return -1;
    set_flags(v, GRADS, GRAD_IS_OBJECT);
    Py_XSETREF(extra_of(v)->grad, Py_XNewRef(x));
    return 0;
}

static PyObject *get_prev(node *v, void *unused)
{
    if (v->operands == MANY)
        return Py_NewRef(extra_of(v)->operands);
    int count = v->operands;
    PyObject *operand[2] = {NULL, NULL};
    for (int i = 0; i < count; i++)
        operand[i] = Py_NewRef(v->operand[i]); /* first, because to make a tuple may run the collector */
    PyObject *operands = PyTuple_New(count);
    for (int i = 0; i < count; i++)
        if (operands)
            PyTuple_SET_ITEM(operands, i, operand[i]);
        else
            Py_DECREF(operand[i]);
    return operands;
}

static int set_prev(node *v, PyObject *x, void *unused)
{
    if (x && PyTuple_Check(x) && !PyTuple_CheckExact(x)) { /* a namedtuple: what it holds */
        PyObject *plain = PyTuple_GetSlice(x, 0, PyTuple_GET_SIZE(x));
        int status = plain ? set_prev(v, plain, NULL) : -1;
        Py_XDECREF(plain);
        return status;
    }
    int are_nodes = x && PyTuple_Check(x);
    Py_ssize_t count = are_nodes ? PyTuple_GET_SIZE(x) : 0;
    for (Py_ssize_t i = 0; i < count; i++)
        are_nodes = are_nodes && is_node(core_of(Py_TYPE(v)), PyTuple_GET_ITEM(x, i));
    if (!are_nodes) {
        PyErr_Format(PyExc_TypeError, "_prev is a tuple of Values; this is a %s%s", x ? Py_TYPE(x)->tp_name : "deletion",
                     x && PyTuple_Check(x) ? " with something else in it" : "");
        return -1;
    }
    PyObject *before = count > 2 && !with_extra(v) ? NULL : get_prev(v, NULL); /* freed at last: it may run any code */
    if (!before)
        return -1;
    drop_operands(v);
    for (int i = 0; i < count && count <= 2; i++)
        v->operand[i] = (node *)Py_NewRef(PyTuple_GET_ITEM(x, i));
    if (count > 2)
        extra_of(v)->operands = Py_NewRef(x);
    v->operands = count > 2 ? MANY : count;
    Py_DECREF(before);
    return 0;
}

static PyObject *get_local(node *v, void *unused)
{
    if (v->locals == OBJECT)
        return extra_of(v)->local ? Py_NewRef(extra_of(v)->local) : absent(v, "_local");
    int was = v->locals;
    PyObject *local = PyTuple_New(local_count(v));
    if (local && (v->locals != was || local_count(v) != PyTuple_GET_SIZE(local))) {
        Py_DECREF(local); /* the collector ran, and code that set them */
        return get_local(v, NULL);
    }
    const double *numbers = was == MANY ? extra_of(v)->many : v->local;
    for (Py_ssize_t i = 0; local && i < PyTuple_GET_SIZE(local); i++) {
        PyObject *number = PyFloat_FromDouble(numbers[i]);
        if (number)
            PyTuple_SET_ITEM(local, i, number);
        else
            Py_CLEAR(local);
    }
    return local;
}

static int set_local(node *v, PyObject *x, void *unused)
{
    if (!x && v->locals == OBJECT && !extra_of(v)->local)
        return nothing_to_delete("_local");
    int are_floats = x && PyTuple_CheckExact(x);
    Py_ssize_t count = are_floats ? PyTuple_GET_SIZE(x) : 0;
    for (Py_ssize_t i = 0; i < count; i++)
        are_floats = are_floats && PyFloat_CheckExact(PyTuple_GET_ITEM(x, i));
    double *many = NULL;
    if ((!are_floats || count > 2) && !with_extra(v))
        return -1;
    if (are_floats && count > 2 && !(many = PyMem_New(double, count))) {
        PyErr_NoMemory();
        return -1;
    }
    PyObject *before = v->locals == OBJECT ? extra_of(v)->local : NULL; /* freed at last: it may run any code */
    Py_XINCREF(before);
    drop_locals(v);
    for (Py_ssize_t i = 0; are_floats && i < count; i++)
        (many ? many : v->local)[i] = PyFloat_AS_DOUBLE(PyTuple_GET_ITEM(x, i));
    v->locals = !are_floats ? OBJECT : many ? MANY : count;
    if (many) {
        extra_of(v)->many = many;
        extra_of(v)->count = count;
    }
    else if (!are_floats)
        extra_of(v)->local = Py_XNewRef(x);
    Py_XDECREF(before);
    return 0;
}

static PyObject *get_call(node *v, void *unused)
{
    return extra_of(v) && extra_of(v)->call ? Py_NewRef(extra_of(v)->call) : absent(v, "_call");
}

static int set_call(node *v, PyObject *x, void *unused)
{
    if (!x && !(extra_of(v) && extra_of(v)->call)) {
        absent(v, "_call"); /* in Python's core it is in __dict__ */
        return -1;
    }
    if (!with_extra(v))
        return -1;
    Py_XSETREF(extra_of(v)->call, Py_XNewRef(x));
    return 0;
}

static PyObject *get_position(node *v, void *unused)
{
    int is_known = extra_of(v) && extra_of(v)->call;
    return is_known ? PyLong_FromSsize_t(extra_of(v)->position) : absent(v, "_position");
}

static int set_position(node *v, PyObject *x, void *unused)
{
    if (with_extra(v))
        extra_of(v)->position = x ? PyLong_AsSsize_t(x) : 0;
    return PyErr_Occurred() ? -1 : 0;
}

/* What owns the native memory that the number is in; None if it is in the node. */
static PyObject *get_memory(node *v, void *unused)
{
    return Py_NewRef(v->flags & IN_MEMORY ? extra_of(v)->memory : Py_None);
}

static PyObject *get_label(node *v, void *unused)
{
    if (v->flags & UNLABELLED)
        return PyUnicode_FromStringAndSize(NULL, 0); /* of which there is one */
    return extra_of(v) && extra_of(v)->label ? Py_NewRef(extra_of(v)->label) : absent(v, "label");
}

static int set_label(node *v, PyObject *x, void *unused)
{
    if (!x && !(v->flags & UNLABELLED) && !(extra_of(v) && extra_of(v)->label))
        return nothing_to_delete("label");
    int is_empty = x && PyUnicode_CheckExact(x) && !PyUnicode_GET_LENGTH(x);
    if (!is_empty && !with_extra(v))
        return -1;
    set_flags(v, UNLABELLED, is_empty ? UNLABELLED : 0);
    if (extra_of(v))
        Py_XSETREF(extra_of(v)->label, is_empty ? NULL : Py_XNewRef(x));
    return 0;
}

static PyObject *get_operation(node *v, void *unused)
{
    return operation_of(v) ? Py_NewRef(operation_of(v)) : absent(v, "_operation");
}

static int set_operation(node *v, PyObject *x, void *unused)
{
    PyObject *before = operation_of(v);
    if (!x && !before)
        return nothing_to_delete("_operation");
    if (extra_of(v))
        extra_of(v)->operation = Py_XNewRef(x);
    else
        v->made_by = (uintptr_t)Py_XNewRef(x);
    Py_XDECREF(before);
    return 0;
}

static PyGetSetDef node_attributes[] = {
    {"data", (getter)get_data, (setter)set_data, NULL, NULL},
    {"grad", (getter)get_grad, (setter)set_grad, NULL, NULL},
    {"_prev", (getter)get_prev, (setter)set_prev, NULL, NULL},
    {"_local", (getter)get_local, (setter)set_local, NULL, NULL},
    {"_call", (getter)get_call, (setter)set_call, NULL, NULL},
    {"_position", (getter)get_position, (setter)set_position, NULL, NULL},
    {"_memory", (getter)get_memory, NULL, NULL, NULL},
    {"label", (getter)get_label, (setter)set_label, NULL, NULL},
    {"_operation", (getter)get_operation, (setter)set_operation, NULL, NULL},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyMemberDef node_members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(node, dict), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(node, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL}};
