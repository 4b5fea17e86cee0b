/* The attributes of a node as Python sees them: data, grad, label, _operation, _prev, _local. */

static PyObject *absent(node *v, const char *name) /* as for a slot that was never set */
{
    return PyErr_Format(PyExc_AttributeError, "'%s' object has no attribute '%s'", Py_TYPE(v)->tp_name, name);
}

static int deleted(const char *name)
{
    PyErr_Format(PyExc_TypeError, "a Value's %s cannot be deleted", name);
    return -1;
}

static PyObject *get_data(node *v, void *unused)
{
    if (v->at && v->at != &v->number) { /* while a function is recorded, a symbol stands for this number */
        core *c = core_of(Py_TYPE(v));
        return c->modes ? PyObject_CallFunction(c->recorded_number, "Od", v, *v->at) : PyFloat_FromDouble(*v->at);
    }
    if (v->at)
        return PyFloat_FromDouble(v->number);
    return v->extra && v->extra->data ? Py_NewRef(v->extra->data) : absent(v, "data");
}

static int set_data(node *v, PyObject *x, void *unused)
{
    if (!x)
        return deleted("data");
    if (PyFloat_CheckExact(x)) {
        if (!v->at) {
            v->at = &v->number;
            if (v->extra)
                Py_CLEAR(v->extra->data);
        }
        *v->at = PyFloat_AS_DOUBLE(x);
        return 0;
    }
    if (v->at && v->at != &v->number) {
        PyObject *number = PyObject_CallFunction(core_of(Py_TYPE(v))->number_for, "OOs", x, v, "data");
        if (!number)
            return -1;
        *v->at = PyFloat_AsDouble(number);
        Py_DECREF(number);
        return 0;
    }
    if (!extra_of(v))
        return -1;
    v->at = NULL;
    Py_XSETREF(v->extra->data, Py_NewRef(x));
    return 0;
}

static PyObject *get_grad(node *v, void *unused)
{
    if (v->flags & GRAD_IS_OBJECT)
        return Py_NewRef(v->extra->grad);
    if (v->flags & UNREACHED)
        return Py_NewRef(core_of(Py_TYPE(v))->unreached);
    return v->operation ? PyFloat_FromDouble(v->grad) : absent(v, "grad");
}

static void set_grad_number(node *v, double x)
{
    v->grad = x;
    if (v->flags & GRAD_IS_OBJECT) {
        v->flags = 0;
        Py_CLEAR(v->extra->grad);
    }
    v->flags = 0;
}

static int set_grad(node *v, PyObject *x, void *unused)
{
    if (!x)
        return deleted("grad");
    if (PyFloat_CheckExact(x)) {
        int is_unreached = x == core_of(Py_TYPE(v))->unreached;
        set_grad_number(v, PyFloat_AS_DOUBLE(x));
        if (is_unreached)
            v->flags = UNREACHED;
        return 0;
    }
    if (!extra_of(v))
        return -1;
    v->flags = GRAD_IS_OBJECT;
    Py_XSETREF(v->extra->grad, Py_NewRef(x));
    return 0;
}

static PyObject *get_label(node *v, void *unused)
{
    return v->label ? Py_NewRef(v->label) : PyUnicode_FromString("");
}

static int set_label(node *v, PyObject *x, void *unused)
{
    if (!x)
        return deleted("label");
    int is_empty = PyUnicode_CheckExact(x) && PyUnicode_GET_LENGTH(x) == 0;
    Py_XSETREF(v->label, is_empty ? NULL : Py_NewRef(x));
    return 0;
}

static PyObject *get_operation(node *v, void *unused)
{
    return v->operation ? Py_NewRef(v->operation) : absent(v, "_operation");
}

static int set_operation(node *v, PyObject *x, void *unused)
{
    if (!x)
        return deleted("_operation");
    Py_XSETREF(v->operation, Py_NewRef(x));
    return 0;
}

static PyObject *get_prev(node *v, void *unused)
{
    if (v->operands == MANY)
        return Py_NewRef(v->extra->operands);
    PyObject *operands = PyTuple_New(v->operands);
    for (int i = 0; operands && i < v->operands; i++)
        PyTuple_SET_ITEM(operands, i, Py_NewRef(v->operand[i]));
    return operands;
}

static int set_prev(node *v, PyObject *x, void *unused)
{
    if (!x)
        return deleted("_prev");
    core *c = core_of(Py_TYPE(v));
    int are_nodes = PyTuple_CheckExact(x);
    Py_ssize_t count = are_nodes ? PyTuple_GET_SIZE(x) : 0;
    for (Py_ssize_t i = 0; i < count; i++)
        are_nodes = are_nodes && is_node(c, PyTuple_GET_ITEM(x, i));
    if (!are_nodes) {
        PyErr_Format(PyExc_TypeError, "_prev is the tuple of the Values that this one was made from, not %R", x);
        return -1;
    }
    if (count > 2 && !extra_of(v))
        return -1;
    Py_INCREF(x); /* it may be all that keeps the operands alive, which are dropped first */
    drop_operands(v);
    for (int i = 0; i < count && count <= 2; i++)
        v->operand[i] = (node *)Py_NewRef(PyTuple_GET_ITEM(x, i));
    if (count > 2)
        v->extra->operands = Py_NewRef(x);
    v->operands = count > 2 ? MANY : (uint8_t)count;
    Py_DECREF(x);
    return 0;
}

static PyObject *get_local(node *v, void *unused)
{
    if (v->locals == OBJECT)
        return Py_NewRef(v->extra->local);
    Py_ssize_t count = v->locals == MANY ? v->extra->count : v->locals;
    const double *numbers = v->locals == MANY ? v->extra->many : v->local;
    PyObject *local = PyTuple_New(count);
    for (Py_ssize_t i = 0; local && i < count; i++) {
        PyObject *number = PyFloat_FromDouble(numbers[i]);
        if (!number) {
            Py_DECREF(local);
            return NULL;
        }
        PyTuple_SET_ITEM(local, i, number);
    }
    return local;
}

static int set_local(node *v, PyObject *x, void *unused)
{
    if (!x)
        return deleted("_local");
    int are_floats = PyTuple_CheckExact(x);
    Py_ssize_t count = are_floats ? PyTuple_GET_SIZE(x) : 0;
    for (Py_ssize_t i = 0; i < count; i++)
        are_floats = are_floats && PyFloat_CheckExact(PyTuple_GET_ITEM(x, i));
    if ((!are_floats || count > 2) && !extra_of(v))
        return -1;
    double *many = are_floats && count > 2 ? PyMem_New(double, count) : NULL;
    if (are_floats && count > 2 && !many) {
        PyErr_NoMemory();
        return -1;
    }
    Py_INCREF(x);
    drop_locals(v);
    for (Py_ssize_t i = 0; are_floats && i < count; i++)
        (many ? many : v->local)[i] = PyFloat_AS_DOUBLE(PyTuple_GET_ITEM(x, i));
    if (many) {
        v->extra->many = many;
        v->extra->count = count;
    }
    if (!are_floats)
        v->extra->local = Py_NewRef(x);
    v->locals = !are_floats ? OBJECT : many ? MANY : (uint8_t)count;
    Py_DECREF(x);
    return 0;
}

/* What owns the native memory that the number is in; None if it is in the node. */
static PyObject *get_memory(node *v, void *unused)
{
    return Py_NewRef(v->at && v->at != &v->number ? v->extra->memory : Py_None);
}

static PyObject *node_sizeof(node *v, PyObject *unused)
{
    size_t more = v->extra ? sizeof(extra) + (v->locals == MANY ? v->extra->count * sizeof(double) : 0) : 0;
    return PyLong_FromSize_t(Py_TYPE(v)->tp_basicsize + more);
}

static PyGetSetDef node_attributes[] = {
    {"data", (getter)get_data, (setter)set_data, NULL, NULL},
    {"grad", (getter)get_grad, (setter)set_grad, NULL, NULL},
    {"label", (getter)get_label, (setter)set_label, NULL, NULL},
    {"_operation", (getter)get_operation, (setter)set_operation, NULL, NULL},
    {"_prev", (getter)get_prev, (setter)set_prev, NULL, NULL},
    {"_local", (getter)get_local, (setter)set_local, NULL, NULL},
    {"_memory", (getter)get_memory, NULL, NULL, NULL},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static PyMemberDef node_members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(node, dict), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(node, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL}};

static PyMethodDef node_methods[] = {
    {"__sizeof__", (PyCFunction)node_sizeof, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
